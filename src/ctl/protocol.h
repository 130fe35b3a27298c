/* SPDX-License-Identifier: ISC */
/*
 * What goes over the control socket. The client sends one line,
 *
 *	tlsherdctl/1 VERB FORM\n		FORM: plain or json
 *
 * and gets one answer, after which the connection is closed:
 *
 *	tlsherd/1 STATUS LENGTH\n		STATUS: as tlsherdctl exits
 *	LENGTH bytes: the report (STATUS 0) or a line that says what is wrong
 *
 * tlsherd-control(7) tells it to others, and is checked against this file, the
 * texts of answer.c, and the limits of ctl.h and tlsherdctl.c.
 */
#ifndef CTL_PROTOCOL_H
#define CTL_PROTOCOL_H

#define CTL_REQUEST_TAG "tlsherdctl/1"
#define CTL_ANSWER_TAG "tlsherd/1"

/* The longest request line and the longest first line of an answer. */
#define CTL_REQUEST_MAX 256
#define CTL_ANSWER_LINE_MAX 64

/* The longest report; a client takes more for a mistake. */
#define CTL_ANSWER_MAX (16u << 20)

#define CTL_FORM_PLAIN "plain"
#define CTL_FORM_JSON "json"

enum ctl_status {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
};

#endif
