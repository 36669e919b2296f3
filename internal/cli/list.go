package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
)

func list(analyzers []*analysis.Analyzer) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the rules",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, a := range analyzers {
				for _, r := range a.Rules {
					severity, title := string(r.Severity), r.Title
					if r.Unset != "" {
						severity, title = r.Unset, fmt.Sprintf("%s (%s where its setting is set: %q)", title, r.Severity, "tare explain "+r.ID)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, severity, title)
				}
			}
			return w.Flush()
		},
	}
}
