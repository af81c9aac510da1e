"""Getting records out of Iterable's export API: windows of time, two transports, and the way from a line to a record."""
