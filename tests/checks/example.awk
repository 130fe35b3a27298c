# SPDX-License-Identifier: ISC
# Prints the first literal text of the EXAMPLES section of an mdoc page, which
# is a program; with -v early=1 or -v tickets=1 together with those that follow
# it, put where the page tells.
/^\.Sh / { inside = ($2 == "EXAMPLES") }
/^\.Ed/ { text = 0 }
text {
	gsub(/\\e/, "\\")
	sub(/^\\&/, "")
	texts[n] = texts[n] $0 "\n"
}
/^\.Bd -literal/ && inside { text = 1; n++ }
END {
	if (early) {
		sub(/\n$/, "", texts[2])
		change("(error = tlscache_attach(cache, ctx)) != 0",
		    "(error = tlscache_attach(cache, ctx)) != 0 " texts[2])
		change("\tchar text[64];\n", "\tchar text[64];\n" texts[3])
		change("/* Goes on", texts[4] "\n/* Goes on")
		change("ret = SSL_accept(c->ssl)", "ret = accept_early(c)")
	}
	if (tickets) {
		change("SSL_OP_NO_TICKET |", "")
		change("struct tlscache *cache;\n", texts[5])
		at = index(texts[1], "\tif ((error = tlscache_open(")
		cache = substr(texts[1], at)
		cache = substr(cache, 1, index(cache, ";\n") + 1)
		change(cache, texts[6])
		change("for (;; sleep(1)) {", "for (;; sleep(1)) {\n" texts[7])
	}
	printf "%s", texts[1]
}
function change(old, new, at)
{
	if (old == "" || (at = index(texts[1], old)) == 0) {
		print "example.awk: no " old | "cat >&2"
		exit 1
	}
	texts[1] = substr(texts[1], 1, at - 1) new \
	    substr(texts[1], at + length(old))
}
