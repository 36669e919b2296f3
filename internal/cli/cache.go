package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
)

func cacheCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "show or remove what is kept of images and their layers",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&dir, "cache-dir", "", "where they are kept (default: the user's cache directory)")
	cmd.AddCommand(&cobra.Command{
		Use: "size", Short: "print where the cache is and what it holds", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cache.Open(dir, cache.DefaultLimit)
			if err != nil {
				return err
			}
			where, layers, total := c.Size()
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d layers, %s of at most %s\n", where, layers, analysis.Bytes(total),
				analysis.Bytes(cache.DefaultLimit))
			return nil
		},
	}, &cobra.Command{
		Use: "clean", Short: "remove all that is kept", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := cache.Open(dir, cache.DefaultLimit)
			if err != nil {
				return err
			}
			return c.Clean()
		},
	})
	return cmd
}
