//go:build !linux

package command

// bound is for Linux alone.
func bound(int, uint64) {}
