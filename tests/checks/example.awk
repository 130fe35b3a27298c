# SPDX-License-Identifier: ISC
# Prints the first literal text of the EXAMPLES section of an mdoc page.
/^\.Sh / { inside = ($2 == "EXAMPLES") }
/^\.Ed/ && text { exit }
text { gsub(/\\e/, "\\"); sub(/^\\&/, ""); print }
/^\.Bd -literal/ && inside { text = 1 }
