package diagnose

// seriesPriors are the hand-set log-odds of the features of this file.
var seriesPriors = priors{}

// series compares the golden signals of components along the calls between
// them: who deviates most, who first, and who is only a symptom.
func series(v *view, cs *candidates) {}
