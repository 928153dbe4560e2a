/*
 * What is traced of a server of MySQL, or of MariaDB: for each byte of standard input 17
 * queries that take 0 to 16 ms, with a command of another kind before each. It has the USDT
 * probes of MySQL 5.7 too.
 */
#include <cstdio>
#include <ctime>
#include <unistd.h>

/* A probe whose arguments are all addresses (systemtap's wiki: UserSpaceProbeImplementation). */
#define PROBE(name, arguments, ...)					\
	asm volatile("990:	nop\n"					\
		     "	.pushsection .note.stapsdt, \"\", \"note\"\n"	\
		     "	.balign 4\n"					\
		     "	.4byte 992f-991f, 994f-993f, 3\n"		\
		     "991:	.asciz \"stapsdt\"\n"			\
		     "992:	.balign 4\n"				\
		     "993:	.8byte 990b, 0, 0\n"			\
		     "	.asciz \"mysql\"\n"				\
		     "	.asciz \"" name "\"\n"				\
		     "	.asciz \"" arguments "\"\n"			\
		     "994:	.balign 4\n"				\
		     "	.popsection\n" : : __VA_ARGS__)

enum enum_server_command { COM_QUERY = 3, COM_PING = 14 };	/* MySQL 8.0, include/my_command.h */

class THD {
public:
	long asked;
};

struct COM_QUERY_DATA {
	const char *query;
	unsigned int length;
};

union COM_DATA {
	COM_QUERY_DATA com_query;
};

static bool answer(THD *thd, enum_server_command command, const char *query)
{
	struct timespec time = { 0, thd->asked * 1000000 };

	if (command != COM_QUERY)
		return false;
	PROBE("query__start", "8@%0 8@%1", "r"(query), "r"(thd));
	if (thd->asked)
		nanosleep(&time, nullptr);
	PROBE("query__done", "8@%0", "r"(thd));
	return true;
}

#ifdef MARIADB
__attribute__((noinline)) bool dispatch_command(enum_server_command command, THD *thd, char *packet, unsigned int length, bool blocking)
{
	return answer(thd, command, packet) && length && blocking;
}

static void ask(THD *thd, enum_server_command command, char *query, unsigned int length)
{
	dispatch_command(command, thd, query, length, true);
}
#else
__attribute__((noinline)) bool dispatch_command(THD *thd, const COM_DATA *data, enum_server_command command)
{
	return answer(thd, command, command == COM_QUERY ? data->com_query.query : nullptr);
}

static void ask(THD *thd, enum_server_command command, char *query, unsigned int length)
{
	COM_DATA data = { { query, length } };

	dispatch_command(thd, &data, command);
}
#endif

int main()
{
	char byte, query[64];
	THD thd;

	while (read(0, &byte, 1) == 1) {
		for (thd.asked = 0; thd.asked < 17; thd.asked++) {
			unsigned int length = snprintf(query, sizeof(query), "select sleep(0.0%02ld)", thd.asked);

			ask(&thd, COM_PING, nullptr, 0);
			ask(&thd, COM_QUERY, query, length);
		}
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
