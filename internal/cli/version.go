package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// programVersion is that of the main module; "v0.0.0-devel" for a build of a
// checkout.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "v0.0.0-devel"
	}
	return info.Main.Version
}

func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(
				cmd.OutOrStdout(),
				"tare %s (%s, %s/%s)\n",
				programVersion(),
				runtime.Version(),
				runtime.GOOS,
				runtime.GOARCH,
			)
			return nil
		},
	}
}
