"""The adapter to the Airbyte CDK: commands, streams and messages in the form of the protocol. Other rooms do not know it."""
