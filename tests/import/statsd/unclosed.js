{
  port: 8125,
  backends: [ 'a', "b
