"""How kinds of streams are read: plain lists, lists by last update, children of another stream, export windows."""
