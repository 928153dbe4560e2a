// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Counts readahead calls by the name of the process until SIGINT. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "readahead.h"
#include "count.skel.h"

static void stop(int sig)
{
}

int main(void)
{
	struct sigaction action = { .sa_handler = stop };
	int cpus = libbpf_num_possible_cpus(), err = 1, fd, cpu;
	char key[16], *last = NULL;
	struct count_bpf *skel;
	__u64 values[cpus], sum;

	sigaction(SIGINT, &action, NULL);
	skel = count_bpf__open_and_load();
	if (!skel || count_bpf__attach(skel))
		goto out;
	pause();
	count_bpf__detach(skel);
	fd = bpf_map__fd(skel->maps.calls);
	while (!bpf_map_get_next_key(fd, last, key)) {
		last = key;
		if (bpf_map_lookup_elem(fd, key, values))
			continue;
		for (sum = 0, cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu];
		printf("%-16s %12llu\n", key, sum);
	}
	err = 0;
out:
	count_bpf__destroy(skel);
	return err;
}
