package plan

// Stacks says how the tracer keeps stacks. A stack is kept once, however often it is
// taken: the value is its number, a hash of 64 bits over all that is kept of it, which
// is the key of one Map. Unlike in a BPF_MAP_TYPE_STACK_TRACE, whose buckets are few,
// two different stacks never share a number but by an accident of 1 in 2^64.
//
// A process is known by more than its pid, which another one may get, and whose mappings
// exec replaces: by its space. The program tells of each space that it meets, so that
// the mappings are read while the process lives: the ring buffer "spaces" gets SpaceSize
// bytes when the LRU map "spaces_seen" does not have the space yet, and as many for the space of
// the parent when fork has made the process of it and neither has called exec since.
type Stacks struct {
	Map   int  // index into Plan.Maps: Use is StackMap, Key.Size StackSize
	Depth int  // frames of one stack at most, 1 to MaxDepth
	User  bool // whether stacks of processes are taken
}

// MaxDepth is the most frames that the kernel walks (PERF_MAX_STACK_DEPTH,
// include/uapi/linux/perf_event.h), and how many are taken where a spec does not say.
const MaxDepth = 127

// StackEntries is how many different stacks are kept where a spec does not say.
const StackEntries = 16384

// StackSize is the size of a Stack in a record.
const StackSize = 8

// The value of a stack in its map.
const (
	StackCount  = 0  // u32: frames
	StackPad    = 4  // 4 zero bytes
	StackSpace  = 8  // the space, zeros for the kernel's
	StackFrames = 24 // u64 for each of Depth frames, the innermost first: an address as the walk gave it; zeros behind the last
)

// The space of a process: its mappings between two calls of exec.
const (
	SpacePid     = 0 // u32: tgid in the first pid namespace
	SpaceExec    = 4 // u32: task_struct.self_exec_id, which exec increments
	SpaceStarted = 8 // u64: task_struct.group_leader.start_boottime, ns of CLOCK_BOOTTIME
	SpaceSize    = 16
)

// ValueSize returns the bytes of a stack in its map.
func (s *Stacks) ValueSize() int { return StackFrames + 8*s.Depth }
