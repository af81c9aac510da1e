"""What happens in a sync becomes messages of the Airbyte protocol, and the adapter to the Airbyte CDK (source.py).

The command needs no CDK, whose import takes half a second: it writes the messages itself, as JSON values. The tests hold
each against the CDK's. No other package, and here no other module than source.py, imports the CDK.
"""
