/*
 * For each byte of standard input a TLS connection of two ends in this process, without
 * certificates: a handshake on both, then 37 messages of 101 + 17 * i bytes, each written
 * and read at once; every second one by the functions whose names end in _ex. A read that finds
 * nothing comes after each.
 */
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

static SSL *end_of(SSL_CTX *context, BIO *bio, int server)
{
	SSL *ssl = SSL_new(context);

	if (!ssl)
		_exit(2);
	SSL_set_bio(ssl, bio, bio);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

static void connection(SSL_CTX *context)
{
	static char message[4096], copy[4096];
	BIO *one, *other;
	SSL *client, *server;
	int opened = 0, accepted = 0;
	size_t moved;

	if (!BIO_new_bio_pair(&one, 1 << 16, &other, 1 << 16))
		_exit(3);
	client = end_of(context, one, 0);
	server = end_of(context, other, 1);
	while (!opened || !accepted) {
		if (!opened)
			opened = SSL_do_handshake(client) == 1;
		if (!accepted)
			accepted = SSL_do_handshake(server) == 1;
	}
	for (int i = 0; i < 37; i++) {
		int size = 101 + 17 * i;

		if (i % 2) {
			if (!SSL_write_ex(client, message, size, &moved) || moved != (size_t)size)
				_exit(4);
			if (!SSL_read_ex(server, copy, sizeof(copy), &moved) || moved != (size_t)size)
				_exit(5);
		} else if (SSL_write(client, message, size) != size || SSL_read(server, copy, sizeof(copy)) != size) {
			_exit(6);
		}
		if (SSL_read(server, copy, sizeof(copy)) > 0)
			_exit(7);
	}
	SSL_free(client);
	SSL_free(server);
}

int main(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	char byte;

	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	if (!SSL_CTX_set_cipher_list(context, "ADH-AES128-SHA256:@SECLEVEL=0") || !SSL_CTX_set_dh_auto(context, 1))
		return 1;
	while (read(0, &byte, 1) == 1) {
		connection(context);
		if (write(1, &byte, 1) != 1)
			return 1;
	}
	return 0;
}
