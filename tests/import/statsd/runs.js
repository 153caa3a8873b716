{
  port: 8125,
  graphiteHost: lookUp('graphite'),
}
