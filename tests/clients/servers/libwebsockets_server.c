/* The echo server of C's libwebsockets: its minimal echo example made short. What comes is kept until the message is
 * whole, then written back as one. Without permessage-deflate: with it version 4.1.6 ends by an assertion of its own at
 * a compressed message that is empty. Says where it listens; with an argument, on this port. */

#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One message that waits to be written back; the payload stands behind LWS_PRE octets. */
struct message {
    struct message *next;
    unsigned char *bytes;
    size_t length;
    int is_binary;
};

/* What a connection has: the message that comes in, those that go out, and the one that went out last, which is kept
 * as the library may still compress from it. */
struct session {
    unsigned char *bytes;
    size_t length;
    struct message *first, *last, *written;
};

static void release(struct message *message)
{
    if (message)
        free(message->bytes);
    free(message);
}

static int append(struct session *session, const void *in, size_t length)
{
    unsigned char *bytes = realloc(session->bytes, LWS_PRE + session->length + length + 1);
    if (!bytes)
        return -1;
    memcpy(bytes + LWS_PRE + session->length, in, length);
    session->bytes = bytes;
    session->length += length;
    return 0;
}

static int queue(struct session *session, int is_binary)
{
    struct message *message = calloc(1, sizeof *message);
    if (!message)
        return -1;
    message->bytes = session->bytes;
    message->length = session->length;
    message->is_binary = is_binary;
    if (session->last)
        session->last->next = message;
    else
        session->first = message;
    session->last = message;
    session->bytes = NULL;
    session->length = 0;
    return 0;
}

static int write_first(struct lws *wsi, struct session *session)
{
    struct message *message = session->first;
    int kind = message->is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    int written = lws_write(wsi, message->bytes + LWS_PRE, message->length, kind);
    session->first = message->next;
    if (!session->first)
        session->last = NULL;
    release(session->written);
    session->written = message;
    return written < 0 ? -1 : 0;
}

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct session *session = user;
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        if (append(session, in, length))
            return -1;
        if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi)) {
            if (queue(session, lws_frame_is_binary(wsi)))
                return -1;
            lws_callback_on_writable(wsi);
        }
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (session->first && write_first(wsi, session))
            return -1;
        if (session->first)
            lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLOSED:
        while (session->first) {
            struct message *message = session->first;
            session->first = message->next;
            release(message);
        }
        release(session->written);
        free(session->bytes);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

static const struct lws_protocols protocols[] = {
    { "echo", echo, sizeof(struct session), 65536, 0, NULL, 0 },
    { NULL, NULL, 0, 0, 0, NULL, 0 },
};

int main(int count, char **arguments)
{
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = count > 1 ? atoi(arguments[1]) : 0;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.gid = info.uid = -1;
    /* Named for servers that want the check of RFC 6455 8.1. */
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
    lws_set_log_level(0, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        return 1;
    struct lws_vhost *vhost = lws_get_vhost_by_name(context, "default");
    printf("listening on 127.0.0.1:%d\n", lws_get_vhost_listen_port(vhost));
    fflush(stdout);
    while (lws_service(context, 0) >= 0) {}
    lws_context_destroy(context);
    return 0;
}
