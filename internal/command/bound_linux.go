package command

import "golang.org/x/sys/unix"

// bound limits the memory of a process that has just been started; 0 is no limit.
// Where it cannot be, the process runs without.
func bound(pid int, memory uint64) {
	if memory > 0 {
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: memory, Max: memory}, nil)
	}
}
