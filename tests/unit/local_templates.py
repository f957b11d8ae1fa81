"""A small template with each kind of local file."""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Level: {Type: String, Default: INFO}
Globals:
  Function:
    Runtime: python3.13
    Handler: app.handler
    CodeUri: shared
    Environment: {Variables: {LEVEL: !Ref Level}}
Resources:
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
  One: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./one, Layers: [!Ref Layer]}}
  Two: {Type: AWS::Serverless::Function}
  Elsewhere: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/key.zip}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {OneArn: !GetAtt One.Arn}
      Events:
        Uploaded: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.s3]}}}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 120}}
Outputs:
  QueueUrl: {Value: !Ref Queue}
"""
