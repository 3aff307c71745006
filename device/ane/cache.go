package ane

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The cache directory:
//
//	lock            held while entries are taken, added or evicted
//	KEY/            one program
//	    use         lock: shared while the program is open
//	    compile     lock: held while it compiles
//	    model.mil   the program
//	    weights.bin its weights
//	    good        exists once a compile succeeded
//	    failed.txt  what the last failed compile said
//	    cache/      the compiler's bundle
//	tmp-*/          an entry that is being written, or that a crash left
//
// Locks are advisory and end with their process, so a crash blocks nobody.
const (
	rootLock    = "lock"
	useLock     = "use"
	compileLock = "compile"
	modelFile   = "model.mil"
	weightFile  = "weights.bin"
	goodFile    = "good"
	failedFile  = "failed.txt"
	bundleDir   = "cache"
	tempPrefix  = "tmp-"
)

// DefaultMaxCacheBytes bounds the program cache: the device map's programs with
// their bundles take about 1 GB, the largest program of the suite 2.5 GB.
const DefaultMaxCacheBytes = 8 << 30

// CacheError is a failure of the program cache on the disk.
type CacheError struct {
	Dir  string
	What string // what was tried
	Err  error
	Hint string
}

func (e *CacheError) Error() string {
	return fmt.Sprintf("ane: program cache %s: %s: %v; %s", e.Dir, e.What, e.Err, e.Hint)
}

func (e *CacheError) Unwrap() error { return e.Err }

// errBound: the programs in use and the new one exceed the cache's bound.
var errBound = errors.New("bound reached")

// cache keeps programs on the disk under the hash of all that decides their
// compiled form, and evicts those unused for longest.
type cache struct {
	dir    string
	max    int64                                     // bound in bytes
	wait   time.Duration                             // for locks of other processes
	create func(path string) (io.WriteCloser, error) // makes files; a field so that tests can fill the disk

	mu     sync.Mutex // guards what follows
	held   int64      // bytes at the last listing, and what this process added since
	listed time.Time
}

// relist is the age at which the listing of a cache no longer counts: other
// processes add to it too. A listing visits every file.
const relist = time.Minute

func createFile(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// key is the name of a program's entry: 24 hexadecimal digits of the SHA-256
// of the text, the weight file and the facts (chip, OS build, options), each
// preceded by its length.
func key(text []byte, weights io.WriterTo, weightBytes int64, facts ...string) (string, error) {
	h := sha256.New()
	size := func(n int64) { _ = binary.Write(h, binary.LittleEndian, n) } // a hash accepts all
	size(int64(len(text)))
	h.Write(text)
	size(weightBytes)
	if _, err := weights.WriteTo(h); err != nil {
		return "", err
	}
	for _, f := range facts {
		size(int64(len(f)))
		h.Write([]byte(f))
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// fail makes the error of a failed step.
func (c *cache) fail(what string, err error) error {
	hint := "delete the directory, which holds only what can be rebuilt, or choose another one"
	switch {
	case errors.Is(err, errBound):
		hint = "close programs, or raise the bound"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "free some space: the directory holds only what can be rebuilt and may be deleted, or choose another one"
	case errors.Is(err, errLocked):
		hint = "another process is compiling; wait for it or end it"
	}
	return &CacheError{c.dir, what, err, hint}
}

// entry is a program on the disk, kept from eviction until it is released.
type entry struct {
	cache *cache
	dir   string
	use   *fileLock
}

// take returns the entry called key, writing it first if need be.
func (c *cache) take(key string, text []byte, weights io.WriterTo, weightBytes int64) (*entry, error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, c.fail("make the directory", err)
	}
	e := &entry{cache: c, dir: filepath.Join(c.dir, key)}
	intact := func() bool { return e.intact(text, weightBytes) }
	var temp *entry
	err := c.locked(func() (err error) {
		if e.use, err = c.existing(e.dir, intact); e.use != nil || err != nil {
			return err
		}
		if err = c.evict(int64(len(text)) + weightBytes); err != nil {
			return err
		}
		temp, err = c.tempEntry()
		return err
	})
	if err != nil {
		return nil, err
	}
	if temp == nil {
		return e, nil
	}
	defer temp.discard()
	if err := temp.write(text, weights); err != nil {
		return nil, err
	}
	err = c.locked(func() (err error) {
		// Another process may have been faster.
		if e.use, err = c.existing(e.dir, intact); e.use != nil || err != nil {
			return err
		}
		if err := os.Rename(temp.dir, e.dir); err != nil {
			return c.fail("add "+filepath.Base(e.dir), err)
		}
		e.use, temp.use = temp.use, nil
		return e.use.share()
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// locked runs f under the directory's lock.
func (c *cache) locked(f func() error) error {
	l, err := openLock(filepath.Join(c.dir, rootLock))
	if err != nil {
		return c.fail("open the lock", err)
	}
	defer l.release()
	if err := l.exclusive(c.wait); err != nil {
		return c.fail("lock", err)
	}
	return f()
}

// existing takes the use lock of a complete entry and marks it as used now. An
// entry that is not intact is removed. The caller holds the directory's lock.
func (c *cache) existing(dir string, intact func() bool) (*fileLock, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if !intact() {
		if _, err := c.remove(dir); err != nil {
			return nil, c.fail("replace the damaged entry "+filepath.Base(dir), err)
		}
		return nil, nil
	}
	l, err := openLock(filepath.Join(dir, useLock))
	if err != nil {
		return nil, c.fail("take "+filepath.Base(dir), err)
	}
	if err := l.shared(); err != nil {
		return nil, c.fail("take "+filepath.Base(dir), errors.Join(err, l.release()))
	}
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err != nil {
		return nil, c.fail("take "+filepath.Base(dir), errors.Join(err, l.release()))
	}
	return l, nil
}

// intact says whether the files of the entry are those of the program.
func (e *entry) intact(text []byte, weightBytes int64) bool {
	info, err := os.Stat(filepath.Join(e.dir, weightFile))
	if err != nil || info.Size() != weightBytes {
		return false
	}
	have, err := os.ReadFile(filepath.Join(e.dir, modelFile))
	return err == nil && bytes.Equal(have, text)
}

// tempEntry makes an empty entry that no other process removes. The caller
// holds the directory's lock.
func (c *cache) tempEntry() (*entry, error) {
	dir, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return nil, c.fail("add an entry", err)
	}
	e := &entry{cache: c, dir: dir}
	if e.use, err = openLock(filepath.Join(dir, useLock)); err == nil {
		err = e.use.exclusive(0)
	}
	if err != nil {
		e.discard()
		return nil, c.fail("add an entry", err)
	}
	return e, nil
}

// write fills a fresh entry.
func (e *entry) write(text []byte, weights io.WriterTo) error {
	if err := os.Mkdir(filepath.Join(e.dir, bundleDir), 0o700); err != nil {
		return e.cache.fail("add an entry", err)
	}
	for _, f := range []struct {
		name string
		data io.WriterTo
	}{{modelFile, bytes.NewReader(text)}, {weightFile, weights}} {
		w, err := e.cache.create(filepath.Join(e.dir, f.name))
		if err == nil {
			_, err = f.data.WriteTo(w)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			return e.cache.fail("write "+f.name, err)
		}
	}
	return nil
}

// discard removes an entry that was not added.
func (e *entry) discard() {
	if e.use != nil {
		_ = os.RemoveAll(e.dir) // a leftover is swept by the next eviction
		_ = e.use.release()
	}
}

// stored is an entry on the disk as eviction sees it.
type stored struct {
	dir  string
	size int64
	used time.Time
}

// evict removes the entries unused for longest until need more bytes fit, and
// what crashes left. Entries in use stay. It lists the directory only if the
// bound is near or the last listing is old. The caller holds the directory's
// lock.
func (c *cache) evict(need int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.listed) < relist && c.held+need <= c.max {
		c.held += need
		return nil
	}
	list, total, err := c.list()
	if err != nil {
		return c.fail("list entries", err)
	}
	slices.SortFunc(list, func(a, b stored) int { return cmp.Compare(a.used.UnixNano(), b.used.UnixNano()) })
	for _, s := range list {
		crashed := strings.HasPrefix(filepath.Base(s.dir), tempPrefix)
		if total+need <= c.max && !crashed {
			continue
		}
		removed, err := c.remove(s.dir)
		if err != nil && !errors.Is(err, errLocked) {
			return c.fail("evict "+filepath.Base(s.dir), err)
		}
		if removed {
			total -= s.size
		}
	}
	c.held, c.listed = total, time.Now()
	if total+need > c.max {
		return c.fail(fmt.Sprintf("make room for %d bytes beside %d in use, bound %d", need, total, c.max), errBound)
	}
	c.held += need
	return nil
}

// list finds all entries with their sizes.
func (c *cache) list() (all []stored, total int64, err error) {
	dirs, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range dirs {
		info, err := d.Info()
		if err != nil || !d.IsDir() {
			continue
		}
		s := stored{dir: filepath.Join(c.dir, d.Name()), used: info.ModTime()}
		s.size = bytesUnder(s.dir)
		total += s.size
		all = append(all, s)
	}
	return all, total, nil
}

// bytesUnder sums the file sizes below dir. What vanishes meanwhile counts 0.
func bytesUnder(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// remove deletes an entry unless it is in use, which is [errLocked].
func (c *cache) remove(dir string) (bool, error) {
	l, err := openLock(filepath.Join(dir, useLock))
	if err != nil {
		return false, err
	}
	defer l.release()
	if err := l.exclusive(0); err != nil {
		return false, err
	}
	// A rename first: a half-removed entry must not look like one.
	temp := filepath.Join(c.dir, fmt.Sprintf("%s%s-%d", tempPrefix, filepath.Base(dir), time.Now().UnixNano()))
	if err := os.Rename(dir, temp); err != nil {
		return false, err
	}
	return true, os.RemoveAll(temp)
}

func (e *entry) path(name string) string { return filepath.Join(e.dir, name) }

// lockCompile keeps other compiles of this entry out until release.
func (e *entry) lockCompile() (release func() error, err error) {
	l, err := openLock(e.path(compileLock))
	if err != nil {
		return nil, e.cache.fail("open the compile lock", err)
	}
	if err := l.exclusive(e.cache.wait); err != nil {
		return nil, e.cache.fail("lock the entry "+filepath.Base(e.dir), errors.Join(err, l.release()))
	}
	return l.release, nil
}

// good says whether the program compiled before.
func (e *entry) good() bool {
	_, err := os.Stat(e.path(goodFile))
	return err == nil
}

// warm says whether a bundle is there.
func (e *entry) warm() bool {
	found, _ := filepath.Glob(e.path(bundleDir + "/*.bundle"))
	return len(found) > 0
}

// record notes the outcome of a compile: "" is success.
func (e *entry) record(failure string) error {
	name, stale := goodFile, failedFile
	if failure != "" {
		name, stale = stale, name
	}
	_ = os.Remove(e.path(stale))
	if err := os.WriteFile(e.path(name), []byte(failure), 0o600); err != nil {
		return e.cache.fail("note the outcome of a compile", err)
	}
	return nil
}

// clearBundle drops a bundle that does not load.
func (e *entry) clearBundle() error {
	dir := e.path(bundleDir)
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		return e.cache.fail("drop a stale bundle", err)
	}
	return nil
}

// release lets the entry be evicted.
func (e *entry) release() error {
	if e.use == nil {
		return nil
	}
	l := e.use
	e.use = nil
	return l.release()
}

// trim brings the cache back to its bound after a bundle of the given size was
// written.
func (c *cache) trim(bundle int64) error {
	c.mu.Lock()
	c.held += bundle
	crowded := c.held > c.max
	c.mu.Unlock()
	if !crowded {
		return nil
	}
	err := c.locked(func() error { return c.evict(0) })
	if errors.Is(err, errBound) {
		return nil // all of it is in use; the next entry is refused
	}
	return err
}
