"""The adapter to the Airbyte CDK: protocol commands, streams and messages. No other package imports the CDK."""
