# SPDX-License-Identifier: ISC
# Prints the first literal text of the EXAMPLES section of an mdoc page, which
# is a program; with -v early=1 together with the next two, as the page tells: what
# to call besides tlscache_attach(), and what in place of SSL_accept().
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
		change("static void\nworker", texts[3] "\nstatic void\nworker")
		change("char text[64];", "char text[64], buf[16385];\n\tsize_t len;")
		change("SSL_accept(ssl) == 1) {",
		    "accept_early(ssl, buf, sizeof(buf), &len) == 1) {")
	}
	printf "%s", texts[1]
}
function change(old, new, at)
{
	if ((at = index(texts[1], old)) == 0) {
		print "example.awk: no " old | "cat >&2"
		exit 1
	}
	texts[1] = substr(texts[1], 1, at - 1) new \
	    substr(texts[1], at + length(old))
}
