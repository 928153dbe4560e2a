// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Prints every readahead call until SIGINT, with -DRENAME every thread that gives itself
 * a name. With -q the kernel wakes nobody and the ring is looked at every 2 ms.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#ifdef RENAME
#include "rename.h"
#include "rename.skel.h"
#define skeleton rename_bpf
#define call(what) rename_bpf__##what
#else
#include "readahead.h"
#include "record.skel.h"
#define skeleton record_bpf
#define call(what) record_bpf__##what
#endif

static volatile sig_atomic_t done;

static void stop(int sig)
{
	done = 1;
}

static int print(void *ctx, void *data, size_t size)
{
	const struct event *e = data;

#ifdef RENAME
	printf("%10llu.%06llu %7u %-15s\n", e->time / 1000000000,
	       e->time / 1000 % 1000000, e->tid, e->comm);
#else
	printf("%10llu.%06llu %7u %-15s %4d %12lld %12llu\n", e->time / 1000000000,
	       e->time / 1000 % 1000000, e->pid, e->comm, e->fd, e->offset, e->count);
#endif
	return 0;
}

int main(int argc, char **argv)
{
	int quiet = argc > 1 && !strcmp(argv[1], "-q");
	struct skeleton *skel;
	struct ring_buffer *ring = NULL;
	static char buffer[64 << 10];
	int err = 1;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	signal(SIGINT, stop);
	skel = call(open)();
	if (!skel)
		goto out;
	skel->rodata->submit_flags = quiet ? BPF_RB_NO_WAKEUP : 0;
	if (call(load)(skel) || call(attach)(skel))
		goto out;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), print, NULL, NULL);
	if (!ring)
		goto out;
#ifdef RENAME
	printf("%17s %7s %-15s\n", "TIME", "TID", "COMM");
#else
	printf("%17s %7s %-15s %4s %12s %12s\n", "TIME", "PID", "COMM", "FD", "OFFSET", "COUNT");
#endif
	while (!done) {
		if (quiet) {
			usleep(2000);
			ring_buffer__consume(ring);
		} else {
			ring_buffer__poll(ring, 100);
		}
		fflush(stdout);
	}
	call(detach)(skel);
	ring_buffer__consume(ring);
	fflush(stdout);
	fprintf(stderr, "%llu lost\n", (unsigned long long)skel->bss->lost);
	err = 0;
out:
	ring_buffer__free(ring);
	call(destroy)(skel);
	return err;
}
