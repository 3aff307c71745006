package ane

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testCache(t *testing.T, bound int64) *cache {
	t.Helper()
	return &cache{dir: filepath.Join(t.TempDir(), "cache"), max: bound, wait: 5 * time.Second, create: createFile}
}

// add takes an entry of the given weight size.
func (c *cache) add(key string, size int) (*entry, error) {
	return c.take(key, []byte("text"), bytes.NewReader(make([]byte, size)), int64(size))
}

// mustAdd adds an entry that was used at the given time, and releases it.
func (c *cache) mustAdd(t *testing.T, key string, size int, used time.Time) {
	t.Helper()
	e, err := c.add(key, size)
	require.NoError(t, err)
	require.NoError(t, e.release())
	require.NoError(t, os.Chtimes(e.dir, used, used))
}

func (c *cache) names(t *testing.T) (names []string) {
	t.Helper()
	list, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	for _, d := range list {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

func TestKeyCoversEverything(t *testing.T) {
	type program struct {
		text, weights string
		facts         []string
	}
	base := program{"ab", "cd", []string{"M1", "25A"}}
	keys := map[string]program{}
	for _, p := range []program{
		base,
		{"abc", "d", base.facts}, {"ab", "ce", base.facts}, {"ac", "cd", base.facts},
		{"ab", "cd", []string{"M12", "5A"}}, {"ab", "cd", []string{"M1", "25B"}}, {"ab", "cd", []string{"M1"}},
	} {
		k, err := key([]byte(p.text), bytes.NewBufferString(p.weights), int64(len(p.weights)), p.facts...)
		require.NoError(t, err)
		require.Len(t, k, 24)
		if other, found := keys[k]; found {
			t.Errorf("%v and %v share the key %s", p, other, k)
		}
		keys[k] = p
	}
	again, err := key([]byte("ab"), bytes.NewBufferString("cd"), 2, base.facts...)
	require.NoError(t, err)
	require.Contains(t, keys, again)
}

func TestEvictionTakesTheOldestUnused(t *testing.T) {
	c := testCache(t, 1000)
	now := time.Now()
	c.mustAdd(t, "old", 300, now.Add(-3*time.Hour))
	c.mustAdd(t, "older", 300, now.Add(-4*time.Hour))
	c.mustAdd(t, "recent", 300, now.Add(-2*time.Hour))
	held, err := c.add("older", 300) // a use makes it the newest
	require.NoError(t, err)
	c.mustAdd(t, "new", 300, now)
	require.Equal(t, []string{"new", "older", "recent"}, c.names(t))
	c.mustAdd(t, "big", 600, now)
	require.Equal(t, []string{"big", "older"}, c.names(t), "an entry in use stays")

	_, err = c.add("huge", 800)
	var full *CacheError
	require.ErrorAs(t, err, &full)
	require.ErrorIs(t, err, errBound)
	require.ErrorContains(t, err, "raise the bound")
	require.Equal(t, []string{"older"}, c.names(t), "no part of the refused entry stays")
	require.NoError(t, held.release())
	c.mustAdd(t, "huge", 800, now)
	require.Equal(t, []string{"huge"}, c.names(t))
}

func TestEntryIsReusedWhileIntact(t *testing.T) {
	c := testCache(t, 1000)
	c.mustAdd(t, "k", 10, time.Now())
	note := filepath.Join(c.dir, "k", goodFile)
	require.NoError(t, os.WriteFile(note, nil, 0o600))
	c.mustAdd(t, "k", 10, time.Now())
	require.FileExists(t, note, "the entry was written again")
	for _, damage := range []func() error{
		func() error { return os.Truncate(filepath.Join(c.dir, "k", weightFile), 9) },
		func() error { return os.Remove(filepath.Join(c.dir, "k", weightFile)) },
		func() error { return os.WriteFile(filepath.Join(c.dir, "k", modelFile), []byte("tex"), 0o600) },
	} {
		require.NoError(t, os.WriteFile(note, nil, 0o600))
		require.NoError(t, damage())
		e, err := c.add("k", 10)
		require.NoError(t, err)
		require.True(t, e.intact([]byte("text"), 10))
		require.NoFileExists(t, note, "a damaged entry was kept")
		require.NoError(t, e.release())
	}
}

func TestDamagedEntryInUse(t *testing.T) {
	c := testCache(t, 1000)
	e, err := c.add("k", 10)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(e.path(weightFile), 0))
	_, err = c.add("k", 10)
	require.ErrorIs(t, err, errLocked)
	require.NoError(t, e.release())
}

func TestLeftoversAreSwept(t *testing.T) {
	c := testCache(t, 1000)
	c.mustAdd(t, "k", 10, time.Now())
	crashed := filepath.Join(c.dir, tempPrefix+"crashed")
	require.NoError(t, os.Mkdir(crashed, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(crashed, weightFile), make([]byte, 100), 0o600))
	live, err := c.tempEntry() // of another process, which still writes
	require.NoError(t, err)
	c.listed = time.Time{} // a minute later
	c.mustAdd(t, "k2", 10, time.Now())
	require.NoDirExists(t, crashed)
	require.DirExists(t, live.dir)
	live.discard()
	require.NoDirExists(t, live.dir)
}

// fullDisk writes to a device that has no space.
func fullDisk(string) (io.WriteCloser, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) }

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is Linux's")
	}
	c := testCache(t, 1000)
	c.create = fullDisk
	_, err := c.add("k", 10)
	var full *CacheError
	require.ErrorAs(t, err, &full)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, c.dir, full.Dir)
	require.ErrorContains(t, err, "write model.mil")
	require.ErrorContains(t, err, "may be deleted")
	require.Empty(t, c.names(t))
}

func TestDirectoryThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	c := &cache{dir: filepath.Join(file, "cache"), max: 1, create: createFile}
	_, err := c.add("k", 0)
	var bad *CacheError
	require.ErrorAs(t, err, &bad)
	require.ErrorContains(t, err, "choose another one")
}

// TestConcurrentTakes has many goroutines, which lock like processes, use few
// entries of a cache that holds two of them.
func TestConcurrentTakes(t *testing.T) {
	c := testCache(t, 5000)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				e, err := c.add(fmt.Sprintf("k%d", (g+i)%3), 600)
				if err != nil {
					t.Errorf("take: %v", err)
					return
				}
				unlock, err := e.lockCompile()
				if err != nil {
					t.Errorf("compile lock: %v", err)
				} else if !e.intact([]byte("text"), 600) {
					t.Errorf("%s is damaged while in use", e.dir)
				} else if err := unlock(); err != nil {
					t.Errorf("unlock: %v", err)
				}
				if err := e.release(); err != nil {
					t.Errorf("release: %v", err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, c.trim(0))
	require.LessOrEqual(t, bytesUnder(c.dir), int64(5000))
}

func TestLockTimesOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, err := openLock(path)
	require.NoError(t, err)
	require.NoError(t, a.exclusive(0))
	b, err := openLock(path)
	require.NoError(t, err)
	require.ErrorIs(t, b.exclusive(20*time.Millisecond), errLocked)
	require.ErrorIs(t, b.shared(), errLocked)
	require.NoError(t, a.share())
	require.NoError(t, b.shared())
	require.ErrorIs(t, b.exclusive(0), errLocked)
	require.NoError(t, a.release())
	require.NoError(t, a.release(), "a second release")
	require.NoError(t, b.exclusive(0))
	require.NoError(t, b.release())
}
