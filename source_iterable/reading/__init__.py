"""How each kind of stream is read: plain lists, lists by last update, children of another stream, export windows."""
