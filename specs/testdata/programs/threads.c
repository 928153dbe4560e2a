/* For each byte of standard input, 37 threads: every third runs thread_odd, the others thread_even. */
#include <pthread.h>
#include <unistd.h>

void *thread_even(void *at)
{
	return at;
}

void *thread_odd(void *at)
{
	return (char *)at + 1;
}

int main(void)
{
	char byte;

	while (read(0, &byte, 1) == 1) {
		for (int i = 0; i < 37; i++) {
			pthread_t thread;

			if (pthread_create(&thread, 0, i % 3 ? thread_even : thread_odd, &byte))
				return 1;
			pthread_join(thread, 0);
		}
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
