package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

func explain(analyzers []*analysis.Analyzer) *cobra.Command {
	names := ruleNames(analyzers)
	return &cobra.Command{
		Use:       "explain RULE",
		Short:     "print what a rule says, when, and what to do",
		ValidArgs: names,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("explain wants one rule or check: tare list shows them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, a := range analyzers {
				if a.Name == args[0] {
					fmt.Fprint(cmd.OutOrStdout(), a.Doc)
					return nil
				}
				for _, r := range a.Rules {
					if r.ID == args[0] {
						fmt.Fprintf(cmd.OutOrStdout(), "## %s\n\n%s: %s\n\n%s\n", r.ID, r.Severity, r.Title, report.Section(a.Doc, r.ID))
						return nil
					}
				}
			}
			return usage("no rule or check %q%s: tare list shows them", args[0], suggest(args[0], names))
		},
	}
}
