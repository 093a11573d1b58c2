/* node_names.h: the room settings, compiled with the node's profile, stands besides the one with the tool's in one program: it gets other names. */
#ifndef IMAGE_NODE_NAMES_H
#define IMAGE_NODE_NAMES_H

#define settings_parse node_settings_parse
#define settings_route_index node_settings_route_index
#define settings_url_split node_settings_url_split
#define settings_error_text node_settings_error_text
#define settings_error_detail node_settings_error_detail
#define settings_pack node_settings_pack
#define check_printable node_check_printable
#define check_user node_check_user
#define check_file node_check_file
#define check_route_name node_check_route_name
#define check_path node_check_path
#define check_media_type node_check_media_type
#define check_token node_check_token
#define check_header_name node_check_header_name
#define check_address node_check_address
#define check_host node_check_host
#define check_server node_check_server
#define check_address_source node_check_address_source
#define check_proxy node_check_proxy

#endif
