"""The only boto3: the services' ports over S3, SQS, Step Functions and CloudFormation."""
