package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable is the name of the environment variable that stands for a flag.
func variable(flag string) string {
	return "TARE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// excluding are flags of which one at most is given: one on the command line counts before
// the variables of all of them.
var excluding = []string{"config", "config-ref", "no-config"}

// environment sets the flags that the command line does not give by their variables: an
// empty one sets nothing. Of a flag that can be repeated, each line is a value.
func environment(cmd *cobra.Command) (err error) {
	given := func(flag string) bool { return cmd.Flags().Changed(flag) }
	one := slices.ContainsFunc(excluding, given)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		text := os.Getenv(variable(f.Name))
		if err != nil || text == "" || f.Changed || f.Name == "help" || one && slices.Contains(excluding, f.Name) {
			return
		}
		values := []string{text}
		if f.Value.Type() == "stringArray" {
			values = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
		}
		for _, v := range values {
			e := cmd.Flags().Set(f.Name, v)
			switch {
			case e != nil && f.Value.Type() == "bool":
				err = usage("%s=%q: want true or false", variable(f.Name), text)
				return
			case e != nil:
				err = usage("%s=%q: %v", variable(f.Name), text, e)
				return
			}
		}
	})
	return err
}
