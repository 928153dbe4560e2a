package recording

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebgen/ebgen/runtime"
	"github.com/ebgen/ebgen/runtime/aggregate"
	"github.com/ebgen/ebgen/runtime/decode"
)

// Output is what a recorder stands before.
type Output interface {
	runtime.Reporter
	runtime.Composer
}

// storage is what of a file the recorder uses.
type storage interface {
	io.WriterAt
	Truncate(size int64) error
	Close() error
}

// Recorder writes a recording while a run goes on. It is a sink that passes on to another
// one all that it is given. What its file does not take is counted, the run goes on.
type Recorder struct {
	Output
	head    Head
	decoder *decode.Decoder
	asking  []decode.Column
	tap     *Tap
	table   *aggregate.Table // of all entries of a report; nil for records
	pending []byte           // records that are not in a chunk yet
	scratch []byte
	path    string
	created bool // there was no file of that name
	file    storage

	// Flush runs beside the rest when an output was given up: see runtime's outlet.
	mu      sync.Mutex
	chunks  []byte // that are not written yet
	holds   uint64 // records or entries in them
	written int64  // bytes of the file that are whole chunks
	lost    uint64
	gap     uint64 // of lost, those since the last chunk that was written
	failed  error  // of the file, when that has cost something
}

var errExists = errors.New("it exists and is no recording: another name is wanted, or remove it")

// Create opens the file of a recording. One that is a recording already is replaced, when
// the first chunk is written; any other that is not empty gives an error, and so does one of
// another user's. env is what the
// output's decoder asks too, so that both are told the same.
func Create(path string, head Head, env decode.Env) (*Recorder, error) {
	_, err := os.Lstat(path)
	r := &Recorder{path: path, created: errors.Is(err, fs.ErrNotExist), tap: NewTap(env)}
	if err := r.prepare(head); err != nil {
		return nil, err
	}
	// What was traced is for the eyes of who traced it. A FIFO without a reader is no file,
	// and is not waited for.
	how := os.O_CREATE | os.O_EXCL
	if !r.created {
		how = 0
	}
	f, err := os.OpenFile(path, os.O_RDWR|how|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if !r.created {
		err = replaceable(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	r.file = f
	return r, nil
}

// prepare makes ready what looks up names, and the head.
func (r *Recorder) prepare(head Head) (err error) {
	p := rendered(head.Plan)
	head.Plan, head.Order = p, nativeOrder()
	r.head = head
	if r.decoder, err = decode.New(p, r.tap.Env()); err != nil {
		return err
	}
	r.asking = asks(r.decoder.Columns())
	if p.Table == nil {
		return nil
	}
	all := *p
	all.Output.Top, all.Output.Sort = 0, nil // a name may be asked for of any row
	r.table, err = aggregate.New(&all)
	return err
}

// replaceable returns nil when nothing is lost by writing over a file.
func replaceable(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no regular file")
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return err
	}
	if stat.Uid != uint32(os.Geteuid()) { // who may read it, and has perhaps waited for it
		return fmt.Errorf("it belongs to user %d: another name is wanted, or remove it", stat.Uid)
	}
	var start [len(magic)]byte
	n, err := f.ReadAt(start[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n > 0 && [len(magic) - 1]byte(start[:len(magic)-1]) != [len(magic) - 1]byte(magic[:len(magic)-1]) {
		return errExists
	}
	return nil
}

// Tee makes the recorder the sink before another one.
func (r *Recorder) Tee(out Output) *Recorder {
	r.Output = out
	return r
}

// Write is Sink.Write.
func (r *Recorder) Write(record []byte) error {
	if r.decoder.Check(record) == nil {
		r.pending = append(r.pending, record...)
	}
	return r.Output.Write(record)
}

// Count is runtime.Counter.Count.
func (r *Recorder) Count(key, values []byte) error { return r.table.Add(key, values) }

// Compose puts the records that Write took into chunks, after the names that they ask for.
func (r *Recorder) Compose(last bool) error {
	r.mu.Lock()
	err := r.chunk(last)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.Output.Compose(last)
}

// chunk is Compose for the recording, which is locked.
func (r *Recorder) chunk(last bool) error {
	if r.gap > 0 && len(r.chunks) == 0 {
		r.tap.forget() // names are among what did not reach the file
	}
	if last {
		r.tap.again()
	}
	size := max(r.decoder.Size(), 1)
	if len(r.asking) > 0 {
		for record := range slices.Chunk(r.pending, size) {
			if err := r.ask(record); err != nil {
				return err
			}
		}
	}
	if err := r.tell(len(r.pending) > 0); err != nil {
		return err
	}
	for records := range slices.Chunk(r.pending, max(usualChunk/size, 1)*size) {
		r.add(recordsChunk, len(records)/size, records)
	}
	r.pending = r.pending[:0]
	return nil
}

// ask looks up what the text of a record or row asks for.
func (r *Recorder) ask(record []byte) error {
	for i := range r.asking {
		r.scratch = r.asking[i].JSON(r.scratch[:0], record)
	}
	if r.tap.fresh.len() < mostFresh {
		return nil
	}
	return r.tell(true)
}

// tell adds a chunk of what the tap has noted; a clock alone is told when something follows.
func (r *Recorder) tell(follows bool) error {
	f := r.tap.Take()
	if f.len() == 0 && (f.Clock == nil || !follows) {
		if f.Clock != nil {
			r.tap.begun = false
		}
		return nil
	}
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("record names: %w", err)
	}
	if len(text) <= largestText {
		r.chunks = appendChunk(r.chunks, factsChunk, text)
		return nil
	}
	for _, one := range f.Apart() {
		if text, err = json.Marshal(one); err != nil {
			return fmt.Errorf("record names: %w", err)
		}
		r.chunks = appendChunk(r.chunks, factsChunk, text)
	}
	return nil
}

// add adds a chunk of n records or entries.
func (r *Recorder) add(k kind, n int, payload []byte) {
	r.chunks = appendChunk(r.chunks, k, binary.LittleEndian.AppendUint32(nil, uint32(n)), payload)
	r.holds += uint64(n)
}

// Report records the entries that Count took for it, and passes the report on.
func (r *Recorder) Report(at time.Time, rows [][]byte) error {
	if err := r.chunkReport(at); err != nil {
		return err
	}
	return r.Output.Report(at, rows)
}

func (r *Recorder) chunkReport(at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gap > 0 && len(r.chunks) == 0 {
		r.tap.forget()
	}
	if len(r.asking) > 0 {
		for _, row := range r.table.Rows() {
			if err := r.ask(row); err != nil {
				return err
			}
		}
	}
	if err := r.tell(true); err != nil {
		return err
	}
	n := 0
	err := r.table.Each(func(key, value []byte) error {
		r.pending = append(append(r.pending, key...), value...)
		if n++; len(r.pending) >= usualChunk {
			r.add(entriesChunk, n, r.pending)
			r.pending, n = r.pending[:0], 0
		}
		return nil
	})
	if n > 0 {
		r.add(entriesChunk, n, r.pending)
		r.pending = r.pending[:0]
	}
	r.chunks = appendChunk(r.chunks, reportChunk, binary.LittleEndian.AppendUint64(nil, uint64(at.UnixNano())))
	r.table.Reset()
	return err
}

// Flush writes what is in chunks, and has the output flush.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	r.write()
	r.mu.Unlock()
	return r.Output.Flush()
}

// write writes the chunks in one write. What the file does not take as a whole is taken back
// and counted; the next time is tried again, and then tells of the gap.
func (r *Recorder) write() {
	var out []byte
	if r.written == 0 {
		head, err := json.Marshal(r.head)
		if err == nil {
			err = r.file.Truncate(0) // of the recording that is replaced
		}
		if err != nil {
			r.fail(err)
			return
		}
		out = appendChunk(append(out, magic[:]...), headChunk, head)
	}
	if r.gap > 0 && len(r.chunks) > 0 {
		out = appendChunk(out, lostChunk, binary.LittleEndian.AppendUint64(nil, r.gap))
	}
	out = append(out, r.chunks...)
	if len(out) == 0 {
		return
	}
	if n, err := r.file.WriteAt(out, r.written); err != nil {
		if n > 0 {
			_ = r.file.Truncate(r.written) // a reader stops at half a chunk all the same
		}
		r.fail(err)
		return
	}
	r.written += int64(len(out))
	if len(r.chunks) > 0 {
		r.gap = 0
	}
	if r.lost == 0 {
		r.failed = nil
	}
	r.chunks, r.holds = r.chunks[:0], 0
}

// fail gives up the chunks.
func (r *Recorder) fail(err error) {
	r.failed = err
	r.gap += r.holds
	r.lost += r.holds
	r.chunks, r.holds = r.chunks[:0], 0
}

// end is the last chunk.
type end struct {
	Account runtime.Account
	Ended   time.Time
	Remarks []string `json:",omitempty"` // what kept names from being found
}

var errStuck = errors.New("its file takes nothing")

// Close writes what is left and the account, which gets Unrecorded, and closes the file. The
// error says what the file did not take. With a nil account nothing was traced: a file that
// was made for it is removed.
func (r *Recorder) Close(account *runtime.Account, remarks []string) error {
	if !r.mu.TryLock() {
		return fmt.Errorf("record to %s: %w", r.path, errStuck) // and its writer keeps it
	}
	defer r.mu.Unlock()
	if account == nil {
		err := r.file.Close()
		if r.created && r.written == 0 {
			err = errors.Join(err, os.Remove(r.path))
		}
		return err
	}
	err := r.chunk(true) // what came before the output has failed
	r.write()
	account.Unrecorded = r.lost
	text, wrong := json.Marshal(end{*account, time.Now(), remarks})
	if err = errors.Join(err, wrong); err == nil {
		r.chunks = appendChunk(r.chunks, endChunk, text)
		r.write()
	}
	err = errors.Join(err, r.failed, r.file.Close())
	if err == nil {
		return nil
	}
	return fmt.Errorf("record to %s: %w", r.path, err)
}
