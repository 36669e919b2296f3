package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

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

// versionLine is the version as a bug report wants it.
func versionLine() string {
	return fmt.Sprintf("tare %s (%s, %s/%s)", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// built says which commit the program was built of, and when that was made; "" where the build does not know it, as one of
// "go install" of a version does not.
func built(settings []debug.BuildSetting) string {
	of := map[string]string{}
	for _, s := range settings {
		of[s.Key] = s.Value
	}
	commit := of["vcs.revision"]
	if commit == "" {
		return ""
	}
	said := ", commit " + commit[:min(len(commit), 12)]
	if day, _, ok := strings.Cut(of["vcs.time"], "T"); ok {
		said += " of " + day
	}
	if of["vcs.modified"] == "true" {
		said += " with changes"
	}
	return said
}

// fullVersion is versionLine with the commit.
func fullVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versionLine()
	}
	return versionLine() + built(info.Settings)
}

func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version, with the commit and its day",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), fullVersion())
			return err
		},
	}
}
