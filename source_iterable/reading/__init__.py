"""How each kind of stream is read: plain lists, lists by content, children of another stream, export windows."""
