package fetch

// Serves reports whether a source called name, for the environment env ("" =
// any) and possibly the default one, answers for a catalog entry that names
// source wanted ("" = the default one) in a request about environment of.
func Serves(name, env string, isDefault bool, wanted, of string) bool {
	if env != "" && of != "" && env != of {
		return false
	}
	if wanted == "" {
		return isDefault
	}
	return wanted == name
}
