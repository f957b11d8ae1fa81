"""The only package with boto3: ports of the services on S3, SQS and Step Functions, and operations on stacks."""
