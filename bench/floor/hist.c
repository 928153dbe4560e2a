// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Prints the histogram of hist.bpf.c, with -DSPAN that of span.bpf.c, at SIGINT. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "readahead.h"
#ifdef SPAN
#include "span.skel.h"
#define skeleton span_bpf
#define call(what) span_bpf__##what
#else
#include "hist.skel.h"
#define skeleton hist_bpf
#define call(what) hist_bpf__##what
#endif

static void stop(int sig)
{
}

int main(void)
{
	struct sigaction action = { .sa_handler = stop };
	struct skeleton *skel;
	int err = 1, slot;

	sigaction(SIGINT, &action, NULL);
	skel = call(open_and_load)();
	if (!skel || call(attach)(skel))
		goto out;
	pause();
	call(detach)(skel);
	for (slot = 0; slot < SLOTS; slot++) {
		if (skel->bss->hist.slots[slot])
			printf("%20llu %12llu\n", 1ULL << slot,
			       (unsigned long long)skel->bss->hist.slots[slot]);
	}
	err = 0;
out:
	call(destroy)(skel);
	return err;
}
