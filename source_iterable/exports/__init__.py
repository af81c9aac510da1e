"""The export API: time windows, the transports that read them, and the choice between transports."""
