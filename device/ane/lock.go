package ane

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// errLocked: another process, or another program of this one, holds a lock.
var errLocked = errors.New("locked by another program")

// fileLock is an advisory lock on an open file. Two opens of one file conflict
// even within a process.
type fileLock struct{ f *os.File }

func openLock(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &fileLock{f}, nil
}

// lockPoll is the time between two tries: a blocking call could not time out.
const lockPoll = 5 * time.Millisecond

// exclusive takes the lock alone, trying for at most wait.
func (l *fileLock) exclusive(wait time.Duration) error {
	for end := time.Now().Add(wait); ; time.Sleep(lockPoll) {
		ok, err := flock(l.f, lockExclusive)
		if ok || err != nil {
			return err
		}
		if !time.Now().Before(end) {
			return fmt.Errorf("%w for %v", errLocked, wait)
		}
	}
}

// shared takes the lock beside other shared ones.
func (l *fileLock) shared() error {
	ok, err := flock(l.f, lockShared)
	if err == nil && !ok {
		err = errLocked
	}
	return err
}

// share turns an exclusive lock into a shared one.
func (l *fileLock) share() error { return l.shared() }

// release gives the lock back. A second call changes nothing.
func (l *fileLock) release() error {
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
