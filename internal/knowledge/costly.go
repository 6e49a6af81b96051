package knowledge

import "fmt"

// Costly reports whether a document nests or marks so much, or has tables that
// lack so many cells, that a parser of Markdown takes minutes or gigabytes for it.
// Read reports such a file and leaves its text out; whoever parses it beside Read
// should too.
func Costly(src []byte) bool {
	_, what := costly(src)
	return what != ""
}

// costly is what makes a document costly, and on which line; empty = nothing.
func costly(src []byte) (line int, what string) {
	if line, deep := tooDeep(src); deep {
		return line, fmt.Sprintf("opens more than %d quotes and lists", maxDepth)
	}
	if line, marked := tooMarked(src); marked {
		return line, fmt.Sprintf("has more than %d brackets and other marks in one paragraph", maxMarks)
	}
	if line, wide := tooWide(src); wide {
		return line, fmt.Sprintf("has tables whose rows lack more than %d cells", maxMissing)
	}
	return 0, ""
}
