"""The I/O shell to the chain: node client, signers, deployment, local chains. Not pure."""
