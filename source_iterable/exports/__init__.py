"""The export API: windows of time, the transports that read them, and the choice between transports."""
