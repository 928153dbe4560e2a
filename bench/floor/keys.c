// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Counts readahead calls by offset until SIGINT; the most frequent come first. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "readahead.h"
#include "keys.skel.h"

#define ROWS 131072

struct row {
	__s64 offset;
	__u64 calls;
};

static __s64 offsets[ROWS];
static __u64 calls[ROWS];
static struct row rows[ROWS];

static void stop(int sig)
{
}

static int by_calls(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

int main(void)
{
	struct sigaction action = { .sa_handler = stop };
	struct keys_bpf *skel;
	__u32 n = ROWS, batch, i;
	int err = 1;

	sigaction(SIGINT, &action, NULL);
	skel = keys_bpf__open_and_load();
	if (!skel || keys_bpf__attach(skel))
		goto out;
	pause();
	keys_bpf__detach(skel);
	/* One call takes all; that there is no more is ENOENT. */
	if (bpf_map_lookup_batch(bpf_map__fd(skel->maps.calls), NULL, &batch, offsets, calls, &n, NULL) &&
	    errno != ENOENT)
		goto out;
	for (i = 0; i < n; i++)
		rows[i] = (struct row){ offsets[i], calls[i] };
	qsort(rows, n, sizeof(rows[0]), by_calls);
	for (i = 0; i < n; i++)
		printf("%12lld %12llu\n", rows[i].offset, rows[i].calls);
	err = 0;
out:
	keys_bpf__destroy(skel);
	return err;
}
