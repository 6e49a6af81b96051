package inspect

// wiringChecks are the families about how parts reach each other: services,
// addresses, ports, probes, names, gateways, databases.
func wiringChecks() []check {
	return []check{serviceWiring, addresses, portConflicts, probes, resolvers, misroutes, deadRoutes, nameless, databases}
}
