/* For each byte of standard input, 37 lookups of names that no server has to be asked for. */
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	char byte, name[16];

	while (read(0, &byte, 1) == 1) {
		for (int i = 0; i < 37; i++) {
			struct addrinfo *found;

			snprintf(name, sizeof(name), "127.0.1.%d", i);
			if (getaddrinfo(name, 0, 0, &found))
				return 1;
			freeaddrinfo(found);
		}
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
