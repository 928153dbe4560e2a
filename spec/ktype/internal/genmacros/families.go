package main

// family says which macros of golang.org/x/sys/unix belong together.
type family struct {
	name   string // the display cast
	header string // the kernel header that defines them
	flags  bool
	prefix []string // every macro whose name begins so, …
	names  []string // … or is one of these,
	not    []string // … but none whose name is or, ending in '*', begins so
	other  []string // second names: of a value with several names they stand last
	masks  []string // constants for expressions that name no value of the family
}

// families lists what the spec language knows of x/sys/unix, sorted by name.
var families = []family{
	{
		name: "address_family", header: "include/linux/socket.h", prefix: []string{"AF_"},
		not: []string{"AF_MAX"}, other: []string{"AF_LOCAL", "AF_FILE", "AF_ROUTE"},
	},
	{
		name: "at_flags", header: "include/uapi/linux/fcntl.h", flags: true,
		names: []string{"AT_SYMLINK_NOFOLLOW", "AT_REMOVEDIR", "AT_SYMLINK_FOLLOW", "AT_NO_AUTOMOUNT", "AT_EMPTY_PATH", "AT_RECURSIVE"},
		masks: []string{"AT_FDCWD", "AT_EACCESS"},
	},
	{
		name: "capability", header: "include/uapi/linux/capability.h", prefix: []string{"CAP_"},
		not: []string{"CAP_LAST_CAP"},
	},
	{
		name: "clock", header: "include/uapi/linux/time.h",
		names: []string{
			"CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID", "CLOCK_MONOTONIC_RAW",
			"CLOCK_REALTIME_COARSE", "CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME", "CLOCK_REALTIME_ALARM", "CLOCK_BOOTTIME_ALARM", "CLOCK_TAI",
		},
	},
	{
		name: "clone_flags", header: "include/uapi/linux/sched.h", flags: true, prefix: []string{"CLONE_"},
		not: []string{"CLONE_ARGS_*"},
	},
	{
		name: "epoll_events", header: "include/uapi/linux/eventpoll.h", flags: true, prefix: []string{"EPOLL"},
		not: []string{"EPOLL_*"},
	},
	{name: "epoll_op", header: "include/uapi/linux/eventpoll.h", prefix: []string{"EPOLL_CTL_"}},
	{
		name: "errno", header: "include/uapi/asm-generic/errno.h", prefix: []string{"errno:"},
		other: []string{"EWOULDBLOCK", "EDEADLOCK", "ENOTSUP", "EFSBADCRC", "EFSCORRUPTED"},
	},
	{
		name: "ethertype", header: "include/uapi/linux/if_ether.h", prefix: []string{"ETH_P_"},
		not: []string{"ETH_P_802_3_MIN"},
	},
	{name: "fallocate_mode", header: "include/uapi/linux/falloc.h", flags: true, prefix: []string{"FALLOC_FL_"}, not: []string{"FALLOC_FL_ALLOCATE_RANGE"}},
	{
		name: "fcntl_command", header: "include/uapi/linux/fcntl.h",
		prefix: []string{"F_GET", "F_SET", "F_DUPFD", "F_OFD_", "F_ADD_SEALS", "F_NOTIFY", "F_CREATED_QUERY"},
		other:  []string{"F_GETLK64", "F_SETLK64", "F_SETLKW64"},
	},
	{
		name: "file_permissions", header: "include/uapi/linux/stat.h", flags: true,
		names: []string{"S_ISUID", "S_ISGID", "S_ISVTX", "S_IRUSR", "S_IWUSR", "S_IXUSR", "S_IRGRP", "S_IWGRP", "S_IXGRP", "S_IROTH", "S_IWOTH", "S_IXOTH"},
		masks: []string{"S_IRWXU", "S_IRWXG", "S_IRWXO"},
	},
	{
		name: "file_type", header: "include/uapi/linux/stat.h", prefix: []string{"S_IF"},
		not: []string{"S_IFMT"}, masks: []string{"S_IFMT"},
	},
	{
		name: "filesystem", header: "include/uapi/linux/magic.h",
		names: []string{
			"AFS_SUPER_MAGIC", "ANON_INODE_FS_MAGIC", "AUTOFS_SUPER_MAGIC", "BDEVFS_MAGIC", "BINDERFS_SUPER_MAGIC", "BINFMTFS_MAGIC", "BPF_FS_MAGIC",
			"BTRFS_SUPER_MAGIC", "CEPH_SUPER_MAGIC", "CGROUP2_SUPER_MAGIC", "CGROUP_SUPER_MAGIC", "CIFS_SUPER_MAGIC", "CRAMFS_MAGIC", "DEBUGFS_MAGIC",
			"DEVPTS_SUPER_MAGIC", "ECRYPTFS_SUPER_MAGIC", "EFIVARFS_MAGIC", "EXFAT_SUPER_MAGIC", "EXT4_SUPER_MAGIC", "EXT3_SUPER_MAGIC", "EXT2_SUPER_MAGIC",
			"F2FS_SUPER_MAGIC", "FUSE_SUPER_MAGIC", "HUGETLBFS_MAGIC", "ISOFS_SUPER_MAGIC", "MSDOS_SUPER_MAGIC", "NFS_SUPER_MAGIC", "NILFS_SUPER_MAGIC",
			"NSFS_MAGIC", "OCFS2_SUPER_MAGIC", "OVERLAYFS_SUPER_MAGIC", "PID_FS_MAGIC", "PIPEFS_MAGIC", "PROC_SUPER_MAGIC", "PSTOREFS_MAGIC", "RAMFS_MAGIC",
			"RDTGROUP_SUPER_MAGIC", "SECURITYFS_MAGIC", "SELINUX_MAGIC", "SMACK_MAGIC", "SMB2_SUPER_MAGIC", "SOCKFS_MAGIC", "SQUASHFS_MAGIC", "SYSFS_MAGIC",
			"TMPFS_MAGIC", "TRACEFS_MAGIC", "UDF_SUPER_MAGIC", "V9FS_MAGIC", "XFS_SUPER_MAGIC", "ZONEFS_MAGIC",
		},
		other: []string{"EXT3_SUPER_MAGIC", "EXT2_SUPER_MAGIC"},
	},
	{
		name: "inotify_events", header: "include/uapi/linux/inotify.h", flags: true, prefix: []string{"IN_"},
		not:   []string{"IN_CLASS*", "IN_LOOPBACKNET", "IN_CLOEXEC", "IN_NONBLOCK", "IN_ALL_EVENTS", "IN_CLOSE", "IN_MOVE"},
		masks: []string{"IN_ALL_EVENTS", "IN_CLOSE", "IN_MOVE"},
	},
	{name: "lock_op", header: "include/uapi/asm-generic/fcntl.h", flags: true, prefix: []string{"LOCK_"}},
	{
		name: "map_flags", header: "include/uapi/linux/mman.h", flags: true, prefix: []string{"MAP_"},
		not:   []string{"MAP_FILE", "MAP_HUGE_*", "MAP_TYPE", "MAP_SHARED_VALIDATE"},
		other: []string{"MAP_ANON"},
		masks: []string{"MAP_TYPE", "MAP_SHARED_VALIDATE"},
	},
	{name: "memfd_flags", header: "include/uapi/linux/memfd.h", flags: true, prefix: []string{"MFD_"}, not: []string{"MFD_HUGE_*"}},
	{name: "memory_advice", header: "include/uapi/asm-generic/mman-common.h", prefix: []string{"MADV_"}},
	{name: "memory_protection", header: "include/uapi/asm-generic/mman-common.h", flags: true, prefix: []string{"PROT_"}},
	{
		name: "message_flags", header: "include/linux/socket.h", flags: true, prefix: []string{"MSG_"},
		not: []string{"MSG_TRYHARD"}, masks: []string{"MSG_TRYHARD"},
	},
	{
		name: "mount_flags", header: "include/uapi/linux/mount.h", flags: true, prefix: []string{"MS_"},
		not: []string{"MS_MGC_*", "MS_RMT_MASK", "MS_ASYNC", "MS_INVALIDATE", "MS_SYNC"}, masks: []string{"MS_RMT_MASK"},
		other: []string{"MS_VERBOSE"},
	},
	{name: "mremap_flags", header: "include/uapi/linux/mman.h", flags: true, prefix: []string{"MREMAP_"}},
	{name: "msync_flags", header: "include/uapi/asm-generic/mman-common.h", flags: true, names: []string{"MS_ASYNC", "MS_INVALIDATE", "MS_SYNC"}},
	{name: "namespace_type", header: "include/uapi/linux/sched.h", flags: true, prefix: []string{"CLONE_NEW"}},
	{name: "neighbour_state", header: "include/uapi/linux/neighbour.h", flags: true, prefix: []string{"NUD_"}},
	{
		name: "open_flags", header: "include/uapi/asm-generic/fcntl.h, arch/arm64/include/uapi/asm/fcntl.h", flags: true, prefix: []string{"O_"},
		not:   []string{"O_ACCMODE", "O_LARGEFILE", "O_RSYNC"}, // O_LARGEFILE is 0 in x/sys/unix, as C libraries of 64-bit machines have it
		other: []string{"O_FSYNC", "O_NDELAY"}, masks: []string{"O_ACCMODE"},
	},
	{name: "poll_events", header: "include/uapi/asm-generic/poll.h", flags: true, prefix: []string{"POLL"}},
	{
		name: "ptrace_request", header: "include/uapi/linux/ptrace.h",
		names: []string{
			"PTRACE_TRACEME", "PTRACE_PEEKTEXT", "PTRACE_PEEKDATA", "PTRACE_PEEKUSR", "PTRACE_POKETEXT", "PTRACE_POKEDATA", "PTRACE_POKEUSR",
			"PTRACE_CONT", "PTRACE_KILL", "PTRACE_SINGLESTEP", "PTRACE_ATTACH", "PTRACE_DETACH", "PTRACE_SYSCALL", "PTRACE_SETOPTIONS",
			"PTRACE_GETEVENTMSG", "PTRACE_GETSIGINFO", "PTRACE_SETSIGINFO", "PTRACE_GETREGSET", "PTRACE_SETREGSET", "PTRACE_SEIZE",
			"PTRACE_INTERRUPT", "PTRACE_LISTEN", "PTRACE_PEEKSIGINFO", "PTRACE_GETSIGMASK", "PTRACE_SETSIGMASK",
			"PTRACE_SECCOMP_GET_FILTER", "PTRACE_SECCOMP_GET_METADATA", "PTRACE_GET_SYSCALL_INFO", "PTRACE_GET_RSEQ_CONFIGURATION",
		},
	},
	{name: "random_flags", header: "include/uapi/linux/random.h", flags: true, prefix: []string{"GRND_"}},
	{name: "rename_flags", header: "include/uapi/linux/fs.h", flags: true, prefix: []string{"RENAME_"}},
	{name: "resource_limit", header: "include/uapi/asm-generic/resource.h", prefix: []string{"RLIMIT_"}},
	{
		name: "scheduler", header: "include/uapi/linux/sched.h",
		names: []string{"SCHED_NORMAL", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE", "SCHED_DEADLINE", "SCHED_EXT"},
		masks: []string{"SCHED_RESET_ON_FORK"},
	},
	{name: "seek_whence", header: "include/uapi/linux/fs.h", prefix: []string{"SEEK_"}, not: []string{"SEEK_MAX"}},
	{name: "shutdown_how", header: "include/linux/net.h", prefix: []string{"SHUT_"}},
	{
		name: "signal", header: "include/uapi/asm-generic/signal.h", prefix: []string{"signal:"},
		other: []string{"SIGCLD", "SIGIOT", "SIGPOLL"},
	},
	{name: "socket_flags", header: "include/linux/net.h", flags: true, names: []string{"SOCK_CLOEXEC", "SOCK_NONBLOCK"}},
	{
		name: "socket_level", header: "include/linux/socket.h", prefix: []string{"SOL_"},
		not: []string{"SOL_CAN_*", "SOL_HCI", "SOL_L2CAP", "SOL_SCO", "SOL_RFCOMM"}, // Bluetooth's own: 0, 6, 17 and 18 are IP, TCP and UDP elsewhere
	},
	{
		name: "socket_option", header: "include/uapi/asm-generic/socket.h", prefix: []string{"SO_"},
		not:   []string{"SO_EE_*", "SO_VM_*", "SO_ORIGINAL_DST", "SO_TXTIME_*", "SO_BUF_LOCK_*"},
		other: []string{"SO_GET_FILTER", "SO_DETACH_BPF", "SO_RCVTIMEO_OLD", "SO_SNDTIMEO_OLD", "SO_TIMESTAMP_OLD", "SO_TIMESTAMPNS_OLD", "SO_TIMESTAMPING_OLD"},
	},
	{name: "socket_type", header: "include/linux/net.h", names: []string{"SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_DCCP", "SOCK_PACKET"}},
	{name: "unmount_flags", header: "include/linux/fs.h", flags: true, names: []string{"MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"}},
	{name: "wait_options", header: "include/uapi/linux/wait.h", flags: true, names: []string{"WNOHANG", "WUNTRACED", "WEXITED", "WCONTINUED", "WNOWAIT"}},
}
