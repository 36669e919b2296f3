package command

import (
	"fmt"
	"os"
	"os/exec"
)

// shell sets the limit before the program begins: a limit that is set once it runs may come after it took the memory.
const shell = "/bin/sh"

// bound limits the memory of a program that is to be run. Where there is no shell, it runs without.
func bound(cmd *exec.Cmd, memory uint64) {
	if _, err := os.Stat(shell); err != nil || cmd.Err != nil {
		return
	}
	set := fmt.Sprintf(`ulimit -d %d 2>/dev/null; exec "$0" "$@"`, memory>>10)
	cmd.Args = append([]string{shell, "-c", set, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
}
