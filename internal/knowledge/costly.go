package knowledge

// Costly reports whether a document nests or marks so much that a parser of
// Markdown takes minutes for it. Read reports such a file and leaves its text out;
// whoever parses it beside Read should too.
func Costly(src []byte) bool {
	_, deep := tooDeep(src)
	_, marked := tooMarked(src)
	return deep || marked
}
