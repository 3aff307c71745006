package power

// hostSources are probed in this order.
var hostSources = []string{"powermetrics"}
