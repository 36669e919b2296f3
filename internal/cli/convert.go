package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

func convertCommand(std Streams) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "convert REPORT",
		Short: "write a JSON report in another format",
		Long: `Write what "tare check -f json=FILE" wrote in another format: nothing is judged again.
"-" is standard input.`,
		Example: `  tare convert tare.json -f html=tare.html -f sarif=tare.sarif`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("convert takes one report, and %d %s named: tare convert REPORT -f FORMAT", len(args), number(len(args), "is", "are"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			outs, err := destinations(f.formats, f.output, report.Names())
			if err != nil {
				return err
			}
			var d *report.Document
			if args[0] == "-" {
				text, rerr := io.ReadAll(io.LimitReader(std.In, report.MaxSize))
				if rerr != nil {
					return &statusError{Broken, fmt.Errorf("read standard input: %w", rerr)}
				}
				d, err = report.Parse("standard input", text)
			} else {
				d, err = report.Read(args[0])
			}
			if err != nil {
				return &statusError{Broken, err}
			}
			if err := write(std, d, outs, report.Options{Notes: f.notes, Verbose: f.verbose}); err != nil {
				return &statusError{Broken, err}
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.formats, "format", "f", nil, analysis.Or(report.Names())+"; FORMAT=FILE writes a file, several can be given")
	fl.StringVarP(&f.output, "output", "o", "", "write the report to a file")
	fl.BoolVar(&f.notes, "notes", false, "show notes, and not only how many there are")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "name all files that a finding names in the text report, and not only three")
	return cmd
}
