package power

// hostSources are probed in this order, which is their rank per rail.
var hostSources = []string{"powermetrics", "ioreport", "smc"}
