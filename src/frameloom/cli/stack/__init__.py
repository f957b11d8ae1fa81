"""`frameloom stack`: the stacks that are deployed in AWS."""
